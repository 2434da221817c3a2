"""Korean text that the project makes itself, so that the whole road runs without any download."""
