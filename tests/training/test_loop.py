"""The pieces of the loops: where they stop, and what is summed between reports."""

import tensorflow as tf

from training.loop import Window, steps_to


def test_a_loop_stops_at_every_event_and_at_the_end():
    def stops(most_at_once, end, *every):
        step, visited = 0, []
        while step < end:
            step += steps_to(step, min(most_at_once, end - step), *every)
            visited.append(step)
        return visited

    assert stops(100, 20, 6, 8) == [6, 8, 12, 16, 18, 20]
    assert stops(5, 20, 6, 8) == [5, 6, 8, 12, 16, 18, 20]
    assert stops(1, 5, 100) == [1, 2, 3, 4, 5]
    assert stops(4, 10, 100, 100) == [4, 8, 10]


def test_sums_of_several_steps_count_as_several():
    def pairs(steps):
        return {"task_loss": (3.0 * steps, 2.0 * steps), "tokens": (tf.constant(40.0 * steps), float(steps))}

    window = Window()
    window._begin -= 10
    for steps in (1, 4, 5):
        window.add(pairs(steps), steps)
    values = window.close({"task": 2.0})
    assert values["task_loss"] == 1.5 and values["loss"] == 3.0
    assert 39 < values["tokens_per_second"] <= 40
