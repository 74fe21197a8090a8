"""What people and scripts are shown: plan, run, journal and errors as pages of styled lines, and as JSON documents.

Pure: nouns in, text out; imports model/ and errors alone. Import the module that you need: status, plan, run,
journal, graph, errors; layout has what pages are made of, documents what JSON is.
"""
