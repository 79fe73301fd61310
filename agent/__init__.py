"""What a running agent is made of: frames, actions, recordings, devices, policy and the live loop."""
