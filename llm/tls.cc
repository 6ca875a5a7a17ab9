#include "tls.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <utility>

#include "openssl_library.h"

namespace mlperf::llm {
namespace {

bool IsIpAddress(const std::string& host) {
  in6_addr address;  // Large enough for both.
  return inet_pton(AF_INET, host.c_str(), &address) == 1 ||
         inet_pton(AF_INET6, host.c_str(), &address) == 1;
}

class OpenSslSession : public TlsSession {
 public:
  // `name`: what the certificate must be for; empty: anything.
  OpenSslSession(const OpenSslLibrary* library, SSL_CTX* context, const std::string& name,
                 bool is_verified)
      : openssl_(*library), session_(openssl_.SSL_new(context)) {
    from_peer_ = openssl_.BIO_new(openssl_.BIO_s_mem());
    to_peer_ = openssl_.BIO_new(openssl_.BIO_s_mem());
    openssl_.SSL_set_bio(session_, from_peer_, to_peer_);  // The session owns them.
    openssl_.SSL_set_connect_state(session_);
    if (IsIpAddress(name)) {
      if (is_verified) {
        openssl_.X509_VERIFY_PARAM_set1_ip_asc(openssl_.SSL_get0_param(session_), name.c_str());
      }
      return;
    }
    openssl_.SSL_ctrl(session_, kSetHostName, 0, const_cast<char*>(name.c_str()));
    if (is_verified) openssl_.SSL_set1_host(session_, name.c_str());
  }
  ~OpenSslSession() override { openssl_.SSL_free(session_); }

  Step Handshake() override {
    openssl_.ERR_clear_error();
    const int result = openssl_.SSL_do_handshake(session_);
    if (result == 1) return Step::kDone;
    return openssl_.SSL_get_error(session_, result) == kWantRead ? Step::kMore : Step::kBroken;
  }

  void Take(std::string_view bytes) override {
    openssl_.BIO_write(from_peer_, bytes.data(), static_cast<int>(bytes.size()));
  }

  int Read(std::span<char> to) override {
    openssl_.ERR_clear_error();
    const int size = openssl_.SSL_read(session_, to.data(), static_cast<int>(to.size()));
    if (size > 0) return size;
    return openssl_.SSL_get_error(session_, size) == kWantRead ? 0 : -1;
  }

  bool Write(std::string_view plain) override {
    if (plain.empty()) return true;
    openssl_.ERR_clear_error();
    const int size = static_cast<int>(plain.size());
    return openssl_.SSL_write(session_, plain.data(), size) == size;
  }

  void TakeOutgoing(std::string* bytes) override {
    char buffer[16 << 10];
    int size;
    while ((size = openssl_.BIO_read(to_peer_, buffer, sizeof buffer)) > 0) {
      bytes->append(buffer, static_cast<size_t>(size));
    }
  }

  std::string Fault() override {
    const long verified = openssl_.SSL_get_verify_result(session_);
    if (verified != kVerified) {
      return std::string("the server's certificate is not trusted: ") +
             openssl_.X509_verify_cert_error_string(verified) +
             "; name the file of its authority as ca_file";
    }
    const char* words = openssl_.ERR_reason_error_string(openssl_.ERR_get_error());
    return words != nullptr ? words : "the server closed the connection";
  }

 private:
  static constexpr int kWantRead = 2;
  static constexpr int kSetHostName = 55;
  static constexpr long kVerified = 0;

  const OpenSslLibrary& openssl_;
  SSL* session_;
  BIO* from_peer_;
  BIO* to_peer_;
};

class OpenSslContext : public TlsContext {
 public:
  OpenSslContext(const OpenSslLibrary* library, const Server& server)
      : openssl_(*library),
        context_(openssl_.SSL_CTX_new(openssl_.TLS_client_method())),
        name_(server.server_name.empty() ? server.host : server.server_name),
        is_verified_(!server.insecure) {
    openssl_.SSL_CTX_ctrl(context_, kSetMinProtocol, kTls12, nullptr);
    openssl_.SSL_CTX_ctrl(context_, kSetMode, kReleaseBuffers, nullptr);
    openssl_.SSL_CTX_set_verify(context_, is_verified_ ? 1 : 0, nullptr);
  }
  ~OpenSslContext() override { openssl_.SSL_CTX_free(context_); }

  // False: the file holds no certificates.
  bool Trust(const std::string& ca_file) {
    if (ca_file.empty()) return openssl_.SSL_CTX_set_default_verify_paths(context_) == 1;
    return openssl_.SSL_CTX_load_verify_locations(context_, ca_file.c_str(), nullptr) == 1;
  }

  std::unique_ptr<TlsSession> Begin() override {
    return std::make_unique<OpenSslSession>(&openssl_, context_, name_, is_verified_);
  }

 private:
  static constexpr int kSetMode = 33;
  static constexpr long kReleaseBuffers = 0x10;
  static constexpr int kSetMinProtocol = 123;
  static constexpr long kTls12 = 0x0303;

  const OpenSslLibrary& openssl_;
  SSL_CTX* context_;
  const std::string name_;
  const bool is_verified_;
};

}  // namespace

std::unique_ptr<TlsContext> MakeTlsContext(const Server& server, std::string* fault) {
  const OpenSslLibrary* library = OpenOpenSsl(fault);
  if (library == nullptr) return nullptr;
  auto context = std::make_unique<OpenSslContext>(library, server);
  if (context->Trust(server.ca_file)) return context;
  *fault = server.ca_file.empty() ? "the system's certificates cannot be read; give a ca_file"
                                  : "no certificates can be read from " + server.ca_file;
  return nullptr;
}

}  // namespace mlperf::llm
