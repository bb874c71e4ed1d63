"""Overrides of a run that is over in seconds; a test adds its task, and how many iterations it wants."""

SHORT_RUN = ["size=tiny", "trainer.horizon=4", "env.num_envs=4", "env.episode_length=10", "device=cpu", "threads=1"]
SHORT_RUN += ["recipe.warmup_steps=80", "recipe.pretrain_updates=1", "recipe.model_updates=1", "recipe.actor_updates=1"]
