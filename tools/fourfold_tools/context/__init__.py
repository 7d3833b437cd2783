"""The context: how full the calling model's window is, what that allows, and how hard the machine is pressed."""
