"""How quickly `train` learns, beside Keras' own loop."""
