"""Checkpoints of other projects, made wmzoo checkpoints.

torch_file.py               reads a file of torch.save without running anything of it
running_statistics.py       stands in for the one class of PWM's that its files hold objects of
state.py, world_model.py    what both formats share: checked tensors, and a world model whose sizes they tell
tdmpc2.py, pwm.py           the two formats
convert.py                  from file to checkpoint
"""
