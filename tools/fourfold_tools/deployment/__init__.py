"""Deployments: tasks for agents analysed, typed, grouped, scheduled, launched and steered. Pure."""
