"""Fine-tuning: tasks, their features, the loop, sweeps over seeds."""
