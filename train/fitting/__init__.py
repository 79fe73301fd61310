"""The loop of training, its compiled steps, its state on disk, and several machines that do it together."""
