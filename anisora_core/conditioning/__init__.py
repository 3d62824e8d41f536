"""From drawings, areas and words to what the networks take. Encoders arrive as callables."""
