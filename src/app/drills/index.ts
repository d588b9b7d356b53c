export { occurrenceOf } from './begin.ts';
export { drillChanges, drillQuestions } from './questions.ts';
export { createDrills } from './run.ts';
