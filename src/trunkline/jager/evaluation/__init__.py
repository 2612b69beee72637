"""The paper's evaluation, and the size of a deployment, from costs measured with the code that users run."""
