"""The report card of clips: what is measured (`measures`), on what (`subject`), by whom (`card`), and how it is shown (`card_page`)."""
