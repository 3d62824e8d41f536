"""The CogVideoX family: AniSora V1 and V1-RL."""
