"""The student-teacher experiment of GradMax: many small students at once, and ways to add a neuron to them."""
