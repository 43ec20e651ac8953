/** What timeline and table have in common: the filter, and the event that is selected. */
import { defineStore } from 'pinia';
import { ref, shallowRef } from 'vue';
import { EVERYTHING, type EventQuery } from '../timeline/event-query';

export const useTimelineView = defineStore('timeline', () => {
  const query = shallowRef<EventQuery>(EVERYTHING);
  /** Number of the record. */
  const selected = ref<number | null>(null);

  return { query, selected };
});
