// The functions of OpenSSL that are used here, with declarations of this project's own, from the
// library that the system has (1.1 or 3).
#ifndef MLPERF_LLM_OPENSSL_LIBRARY_H_
#define MLPERF_LLM_OPENSSL_LIBRARY_H_

#include <string>

namespace mlperf::llm {

// Opaque, as in OpenSSL.
struct BIO;
struct BIO_METHOD;
struct SSL;
struct SSL_CTX;
struct SSL_METHOD;
struct X509_VERIFY_PARAM;

struct OpenSslLibrary {
  const SSL_METHOD* (*TLS_client_method)();
  SSL_CTX* (*SSL_CTX_new)(const SSL_METHOD*);
  void (*SSL_CTX_free)(SSL_CTX*);
  long (*SSL_CTX_ctrl)(SSL_CTX*, int command, long number, void* pointer);
  void (*SSL_CTX_set_verify)(SSL_CTX*, int mode, void* callback);
  int (*SSL_CTX_set_default_verify_paths)(SSL_CTX*);
  int (*SSL_CTX_load_verify_locations)(SSL_CTX*, const char* file, const char* folder);
  SSL* (*SSL_new)(SSL_CTX*);
  void (*SSL_free)(SSL*);
  long (*SSL_ctrl)(SSL*, int command, long number, void* pointer);
  void (*SSL_set_bio)(SSL*, BIO* from_peer, BIO* to_peer);
  void (*SSL_set_connect_state)(SSL*);
  int (*SSL_set1_host)(SSL*, const char* name);
  X509_VERIFY_PARAM* (*SSL_get0_param)(SSL*);
  int (*SSL_do_handshake)(SSL*);
  int (*SSL_read)(SSL*, void* to, int size);
  int (*SSL_write)(SSL*, const void* from, int size);
  int (*SSL_get_error)(const SSL*, int result);
  long (*SSL_get_verify_result)(const SSL*);
  const BIO_METHOD* (*BIO_s_mem)();
  BIO* (*BIO_new)(const BIO_METHOD*);
  int (*BIO_read)(BIO*, void* to, int size);
  int (*BIO_write)(BIO*, const void* from, int size);
  void (*ERR_clear_error)();
  unsigned long (*ERR_get_error)();
  const char* (*ERR_reason_error_string)(unsigned long error);
  const char* (*X509_verify_cert_error_string)(long error);
  int (*X509_VERIFY_PARAM_set1_ip_asc)(X509_VERIFY_PARAM*, const char* address);
};

// Opens the library the first time. Null: there is none, and `fault` says what to do. It stays
// open. May be called from any thread.
const OpenSslLibrary* OpenOpenSsl(std::string* fault);

}  // namespace mlperf::llm

#endif  // MLPERF_LLM_OPENSSL_LIBRARY_H_
