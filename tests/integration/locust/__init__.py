"""The ways in which people use Locust and the predecessor, each as a user would write it, against one real server."""
