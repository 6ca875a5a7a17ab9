#include "greeting.h"

#include <cstring>

namespace mlperf::transfer {
namespace {

constexpr std::string_view kMagic = "MLPXFER\n";
constexpr size_t kMaxProviders = 16;

void AppendNumber(size_t number, std::string* to) {
  to->push_back(static_cast<char>(number & 0xff));
  to->push_back(static_cast<char>(number >> 8 & 0xff));
}

void AppendText(std::string_view text, std::string* to) {
  AppendNumber(text.size(), to);
  to->append(text);
}

template <typename Array>
void AppendArray(const Array& bytes, std::string* to) {
  to->append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

// Takes values from the front; once something was missing, all that follows is missing, too.
class Taker {
 public:
  explicit Taker(std::string_view rest) : rest_(rest) {}

  std::string_view Bytes(size_t count) {
    if (count > rest_.size()) {
      is_good_ = false;
      rest_ = {};
      return {};
    }
    const std::string_view taken = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return taken;
  }

  uint16_t Number() {
    const std::string_view bytes = Bytes(2);
    if (bytes.empty()) return 0;
    return static_cast<uint16_t>(static_cast<uint8_t>(bytes[0]) | static_cast<uint8_t>(bytes[1])
                                                                      << 8);
  }

  std::string Text() { return std::string(Bytes(Number())); }

  template <typename Array>
  void Fill(Array* array) {
    const std::string_view bytes = Bytes(array->size());
    if (!bytes.empty()) std::memcpy(array->data(), bytes.data(), bytes.size());
  }

  // Whether all was there, and nothing more.
  bool is_done() const { return is_good_ && rest_.empty(); }

 private:
  std::string_view rest_;
  bool is_good_ = true;
};

}  // namespace

std::string Encode(const Greeting& greeting) {
  std::string bytes(kMagic);
  AppendNumber(greeting.lowest_version, &bytes);
  AppendNumber(greeting.highest_version, &bytes);
  AppendArray(greeting.nonce, &bytes);
  AppendArray(greeting.proof, &bytes);
  AppendText(greeting.boot_id, &bytes);
  AppendText(greeting.door, &bytes);
  AppendNumber(greeting.providers.size(), &bytes);
  for (const OfferedProvider& provider : greeting.providers) {
    AppendText(provider.name, &bytes);
    AppendText(provider.introduction, &bytes);
  }
  return bytes;
}

std::string Encode(const Ready& ready) {
  std::string bytes;
  AppendArray(ready.proof, &bytes);
  AppendText(ready.provider, &bytes);
  return bytes;
}

bool Decode(std::string_view bytes, Greeting* greeting) {
  Taker taker(bytes);
  if (taker.Bytes(kMagic.size()) != kMagic) return false;
  greeting->lowest_version = taker.Number();
  greeting->highest_version = taker.Number();
  taker.Fill(&greeting->nonce);
  taker.Fill(&greeting->proof);
  greeting->boot_id = taker.Text();
  greeting->door = taker.Text();
  const size_t count = taker.Number();
  if (count > kMaxProviders) return false;
  greeting->providers.resize(count);
  for (OfferedProvider& provider : greeting->providers) {
    provider.name = taker.Text();
    provider.introduction = taker.Text();
  }
  return taker.is_done();
}

bool Decode(std::string_view bytes, Ready* ready) {
  Taker taker(bytes);
  taker.Fill(&ready->proof);
  ready->provider = taker.Text();
  return taker.is_done();
}

}  // namespace mlperf::transfer
