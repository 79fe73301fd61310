"""What is learned from: recordings on one axis of frames, windows of frames, batches."""
