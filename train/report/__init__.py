"""What a person is told of a training, while it goes on and after."""
