"""The dashboards, one module for each subject."""
