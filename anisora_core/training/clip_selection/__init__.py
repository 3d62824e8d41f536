"""Raw episodes into training clips: cuts (`scene_cuts`), what is wrong with a clip (`clip_scores`), and the folder that training reads (`build`)."""
