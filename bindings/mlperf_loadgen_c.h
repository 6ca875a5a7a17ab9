/* The load generator for programs in C.
 *
 * Functions that can fail return a negative number (or NULL) and leave a message for
 * mlperf_last_error(). Callbacks must not throw or longjmp. */
#ifndef MLPERF_LOADGEN_BINDINGS_MLPERF_LOADGEN_C_H_
#define MLPERF_LOADGEN_BINDINGS_MLPERF_LOADGEN_C_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
  uintptr_t id;
  size_t index;
} mlperf_query_sample;

typedef struct {
  uintptr_t id;
  uintptr_t data; /* Address of the response's bytes. */
  size_t size;    /* Bytes. */
  int64_t n_tokens;
} mlperf_query_sample_response;

typedef struct mlperf_sut mlperf_sut;
typedef struct mlperf_qsl mlperf_qsl;
typedef struct mlperf_settings mlperf_settings;

typedef void (*mlperf_issue_query)(void* client, const mlperf_query_sample* samples, size_t count);
typedef void (*mlperf_flush_queries)(void* client);
typedef void (*mlperf_samples)(void* client, const size_t* indices, size_t count);

mlperf_sut* mlperf_sut_create(const char* name, void* client, mlperf_issue_query issue,
                              mlperf_flush_queries flush);
void mlperf_sut_destroy(mlperf_sut* sut);

mlperf_qsl* mlperf_qsl_create(const char* name, size_t total_sample_count,
                              size_t performance_sample_count, void* client, mlperf_samples load,
                              mlperf_samples unload);
void mlperf_qsl_destroy(mlperf_qsl* qsl);

/* Settings are set by name (docs/settings.md), enumerations and booleans by number. */
mlperf_settings* mlperf_settings_create(void);
void mlperf_settings_destroy(mlperf_settings* settings);
int mlperf_settings_set_integer(mlperf_settings* settings, const char* name, uint64_t value);
int mlperf_settings_set_double(mlperf_settings* settings, const char* name, double value);
/* As TestSettings::FromConfig: 0, -2 (cannot be opened) or -22 (malformed). */
int mlperf_settings_from_config(mlperf_settings* settings, const char* path, const char* model,
                                const char* scenario, int conf_type);

/* Runs one test with its logs in `log_dir` (NULL: the current directory). Returns 0 if the result
 * is valid, 1 if it is not, -1 if the test could not be run. */
int mlperf_start_test(mlperf_sut* sut, mlperf_qsl* qsl, const mlperf_settings* settings,
                      const char* log_dir);

void mlperf_query_samples_complete(const mlperf_query_sample_response* responses, size_t count);
void mlperf_first_token_complete(const mlperf_query_sample_response* responses, size_t count);
/* Ends samples that cannot be answered, for a reason (text, UTF-8); the result is INVALID. Without
 * ids it reports a fault that cost no sample. */
void mlperf_fail_samples(const uintptr_t* ids, size_t count, const char* reason);
void mlperf_abort_test(void);
void mlperf_register_issue_query_thread(void);

/* The message of the last function that failed on this thread. */
const char* mlperf_last_error(void);

#ifdef __cplusplus
}
#endif

#endif /* MLPERF_LOADGEN_BINDINGS_MLPERF_LOADGEN_C_H_ */
