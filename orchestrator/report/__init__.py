"""What people and scripts are shown: plan, run, journal and errors as pages of styled lines, and as JSON documents.

Pure: nouns in, text out; imports model/ and errors alone. Import the module that you need: status, plan, run,
journal, graph, errors; layout has what pages are made of, documents what JSON is. A report of a run or a drill:
run_fold makes its run_view of journal records, by what describe says of each event; outcomes and summary say what
became of it; run_report, markdown, junit and html are its forms.
"""
