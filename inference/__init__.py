"""What is served: models, their versions, and the engine that runs them."""
