"""Plain functions from frames to numbers. Frames are uint8 RGB, FHWC, unless a function says otherwise."""
