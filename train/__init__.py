"""From recordings to a policy: dataset, model, fitting, metrics, export."""
