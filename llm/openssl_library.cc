#include "openssl_library.h"

#include <dlfcn.h>

#include <mutex>

namespace mlperf::llm {
namespace {

constexpr const char* kVersions[] = {"3", "1.1"};

template <typename Function>
void Take(void* library, const char* name, Function* function, std::string* missing) {
  *function = reinterpret_cast<Function>(dlsym(library, name));
  if (*function == nullptr && missing->empty()) *missing = name;
}

// The name of the first function that is missing; empty if all are there.
std::string TakeAll(void* ssl, void* crypto, OpenSslLibrary* l) {
  std::string missing;
  Take(ssl, "TLS_client_method", &l->TLS_client_method, &missing);
  Take(ssl, "SSL_CTX_new", &l->SSL_CTX_new, &missing);
  Take(ssl, "SSL_CTX_free", &l->SSL_CTX_free, &missing);
  Take(ssl, "SSL_CTX_ctrl", &l->SSL_CTX_ctrl, &missing);
  Take(ssl, "SSL_CTX_set_verify", &l->SSL_CTX_set_verify, &missing);
  Take(ssl, "SSL_CTX_set_default_verify_paths", &l->SSL_CTX_set_default_verify_paths, &missing);
  Take(ssl, "SSL_CTX_load_verify_locations", &l->SSL_CTX_load_verify_locations, &missing);
  Take(ssl, "SSL_new", &l->SSL_new, &missing);
  Take(ssl, "SSL_free", &l->SSL_free, &missing);
  Take(ssl, "SSL_ctrl", &l->SSL_ctrl, &missing);
  Take(ssl, "SSL_set_bio", &l->SSL_set_bio, &missing);
  Take(ssl, "SSL_set_connect_state", &l->SSL_set_connect_state, &missing);
  Take(ssl, "SSL_set1_host", &l->SSL_set1_host, &missing);
  Take(ssl, "SSL_get0_param", &l->SSL_get0_param, &missing);
  Take(ssl, "SSL_do_handshake", &l->SSL_do_handshake, &missing);
  Take(ssl, "SSL_read", &l->SSL_read, &missing);
  Take(ssl, "SSL_write", &l->SSL_write, &missing);
  Take(ssl, "SSL_get_error", &l->SSL_get_error, &missing);
  Take(ssl, "SSL_get_verify_result", &l->SSL_get_verify_result, &missing);
  Take(crypto, "BIO_s_mem", &l->BIO_s_mem, &missing);
  Take(crypto, "BIO_new", &l->BIO_new, &missing);
  Take(crypto, "BIO_read", &l->BIO_read, &missing);
  Take(crypto, "BIO_write", &l->BIO_write, &missing);
  Take(crypto, "ERR_clear_error", &l->ERR_clear_error, &missing);
  Take(crypto, "ERR_get_error", &l->ERR_get_error, &missing);
  Take(crypto, "ERR_reason_error_string", &l->ERR_reason_error_string, &missing);
  Take(crypto, "X509_verify_cert_error_string", &l->X509_verify_cert_error_string, &missing);
  Take(crypto, "X509_VERIFY_PARAM_set1_ip_asc", &l->X509_VERIFY_PARAM_set1_ip_asc, &missing);
  return missing;
}

}  // namespace

const OpenSslLibrary* OpenOpenSsl(std::string* fault) {
  static std::mutex mutex;
  static OpenSslLibrary library{};
  static bool is_open = false;
  const std::lock_guard lock(mutex);
  if (is_open) return &library;
  *fault = "https needs OpenSSL, and neither libssl.so.3 nor libssl.so.1.1 is here; install it";
  for (const std::string version : kVersions) {
    void* const crypto = dlopen(("libcrypto.so." + version).c_str(), RTLD_NOW | RTLD_LOCAL);
    void* const ssl = dlopen(("libssl.so." + version).c_str(), RTLD_NOW | RTLD_LOCAL);
    if (crypto == nullptr || ssl == nullptr) continue;
    const std::string missing = TakeAll(ssl, crypto, &library);
    if (missing.empty()) {
      is_open = true;
      return &library;
    }
    *fault = "https needs OpenSSL, and libssl.so." + version + " has no " + missing;
  }
  return nullptr;
}

}  // namespace mlperf::llm
