"""What an app talks to: HTTP in front of the engine, and the command line that starts every process."""
