"""The course's judgement: pure functions of facts and answers, one module per topic."""
