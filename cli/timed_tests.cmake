# Tests that hold times against a forecast: ctest runs nothing beside them.
set_tests_properties(PlanAgainstRuns.MemoryAndStepOfTrainingRuns PROPERTIES RUN_SERIAL TRUE)
