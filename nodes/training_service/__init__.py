"""The trainer node's training: a process of its own, followed from the page or the terminal."""
