"""PWM: its updates, its returns, and the figures that it takes on the way."""
