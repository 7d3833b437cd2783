"""The page: a run, a plan or an audit to look at. One view model, drawn as HTML, as text, as a picture."""
