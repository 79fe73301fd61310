"""`play`: the live loop, who has the keys, what a rollout measured."""
