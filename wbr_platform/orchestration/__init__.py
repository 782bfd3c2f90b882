"""All Dagster: partitions, assets, checks, resources, sensors, schedules."""
