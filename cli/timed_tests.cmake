# Tests that hold times against a forecast: ctest runs nothing beside them.
set_tests_properties(PlanAgainstRuns.MemoryAndStepOfTrainingRuns PROPERTIES RUN_SERIAL TRUE)

# What takes longest, much of it waiting, begins first: also where ctest has not seen these tests run.
set_tests_properties(
  AgreementOfTwoHosts.ARunsFolderOfEachHostsOwnIsNamedWithTheHosts DeviceTraining.ARankThatIsLateIsNamed
  DocumentedCommands.Train LaunchOnTwoHosts.ALinkThatIsCutEndsBothSidesWithinAMinute
  MemoryLimit.ARunThatSavesOnTheWayTakesWhatThePlanSays PlanAgainstRuns.TheHeadsMemory PROPERTIES COST 100)
