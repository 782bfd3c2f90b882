"""What is done for each study: thin steps from files to files, without a word of Dagster."""
