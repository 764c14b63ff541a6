"""Which answers people are asked to label, and what their labels say of all the others."""
