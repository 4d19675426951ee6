"""What is said once and imported everywhere: parameters, connect strings, secrets, errors, files and text.

Imports nothing else of the project.
"""
