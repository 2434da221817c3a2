"""Which rows of the global batch a host has.

Several hosts read one stream of batches, each its own rows of every batch. `strategy.distribute_datasets_from_function`
asks for the dataset of each host, with a `tf.distribute.InputContext` that says which of how many it is, and takes from
it a batch for each of the host's replicas in turn.
"""

from typing import NamedTuple

import tensorflow as tf

ONE_HOST = tf.distribute.InputContext()


class HostRows(NamedTuple):
    """The rows `[first, first + size)` of the global batch.

    Attributes:
        first: number in the global batch of the host's first row.
        replicas: on this host.
        per_replica: rows of each. The last replicas' may lie past the global batch's end, where it is not a multiple
            of the replicas.
    """

    first: int
    replicas: int
    per_replica: int

    @classmethod
    def of(cls, context: tf.distribute.InputContext, batch_size: int) -> "HostRows":
        """
        Args:
            context: of the host.
            batch_size: rows of the global batch.
        """
        replicas = context.num_replicas_in_sync // context.num_input_pipelines
        per_replica = -(-batch_size // context.num_replicas_in_sync)
        return cls(context.input_pipeline_id * replicas * per_replica, replicas, per_replica)

    @property
    def size(self) -> int:
        """Rows of this host."""
        return self.replicas * self.per_replica

    @property
    def numbers(self) -> tf.Tensor:
        """int32 [size]: the rows' numbers in the global batch."""
        return self.first + tf.range(self.size)

    def include(self, row):
        """Whether they are this host's; for numbers of rows of the global batch."""
        return (row >= self.first) & (row < self.first + self.size)

    def of_batch(self, values: tf.Tensor) -> tf.Tensor:
        """This host's part of a global batch `[rows, ...]`."""
        return values[self.first : self.first + self.size]

    def by_replica(self, batches: tf.data.Dataset) -> tf.data.Dataset:
        """Batches of dicts `[size, ...]` to batches `[per_replica, ...]`, one for each replica in turn."""
        if self.replicas == 1:
            return batches

        def split(batch):
            return {
                name: tf.reshape(value, [self.replicas, self.per_replica, *_sizes(value)[1:]])
                for name, value in batch.items()
            }

        return batches.map(split, num_parallel_calls=1).unbatch()


def _sizes(value):
    """The shape, with ints where they are known."""
    dynamic = tf.shape(value)
    return [dynamic[axis] if size is None else size for axis, size in enumerate(value.shape)]
