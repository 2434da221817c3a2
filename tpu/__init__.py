"""From what the machine has to a `tf.distribute` strategy."""
