/* An Offline test from C: every sample is answered inside the issue callback. */
#include <stdio.h>
#include <stdlib.h>

#include "bindings/mlperf_loadgen_c.h"

static void issue(void* client, const mlperf_query_sample* samples, size_t count) {
  mlperf_query_sample_response* responses = calloc(count, sizeof(*responses));
  (void)client;
  if (responses == NULL) return;
  for (size_t i = 0; i < count; ++i) responses[i].id = samples[i].id;
  mlperf_query_samples_complete(responses, count);
  free(responses);
}

static void flush(void* client) { (void)client; }

/* `client` counts the samples in memory. */
static void load(void* client, const size_t* indices, size_t count) {
  (void)indices;
  *(size_t*)client += count;
}

static void unload(void* client, const size_t* indices, size_t count) {
  (void)indices;
  *(size_t*)client -= count;
}

int main(void) {
  size_t in_memory = 0;
  mlperf_sut* sut = mlperf_sut_create("null system in C", NULL, issue, flush);
  mlperf_qsl* qsl = mlperf_qsl_create("nothing", 1000, 100, &in_memory, load, unload);
  mlperf_settings* settings = mlperf_settings_create();
  mlperf_settings_set_integer(settings, "scenario", 3); /* Offline */
  mlperf_settings_set_integer(settings, "min_duration_ms", 0);
  mlperf_settings_set_integer(settings, "min_query_count", 100000);

  const int status = mlperf_start_test(sut, qsl, settings, ".");
  if (status < 0) {
    fprintf(stderr, "%s\n", mlperf_last_error());
  } else {
    printf("%s, %zu samples left in memory\n", status == 0 ? "VALID" : "INVALID", in_memory);
  }

  mlperf_settings_destroy(settings);
  mlperf_qsl_destroy(qsl);
  mlperf_sut_destroy(sut);
  return status == 0 ? 0 : 1;
}
