#include "check/cuda_libraries.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <array>
#include <initializer_list>
#include <memory>

#include "partialfc/comm/nccl_library.h"

namespace partialfc {

namespace {

class SharedLibrary {
 public:
  // The first of `names` that can be loaded, or none.
  explicit SharedLibrary(std::initializer_list<const char*> names) {
    for (const char* name : names)
      if (library_ == nullptr) library_.reset(::dlopen(name, RTLD_NOW | RTLD_LOCAL));
  }
  // Null where it is not there.
  template <class Function>
  Function* find(const char* name) const {
    return library_ == nullptr ? nullptr : reinterpret_cast<Function*>(::dlsym(library_.get(), name));
  }

 private:
  struct Close {
    void operator()(void* library) const { ::dlclose(library); }
  };
  std::unique_ptr<void, Close> library_;
};

// What `name`, a function int(int*) as CUDA and NCCL have them, says; 0 where it is not there or fails.
int version_from(const SharedLibrary& library, const char* name) {
  int version = 0;
  auto* function = library.find<int(int*)>(name);
  return function != nullptr && function(&version) == 0 ? version : 0;
}

void list_devices(const SharedLibrary& driver, CudaLibraries& found) {
  auto* init = driver.find<int(unsigned)>("cuInit");
  auto* count = driver.find<int(int*)>("cuDeviceGetCount");
  auto* get = driver.find<int(int*, int)>("cuDeviceGet");
  auto* name_of = driver.find<int(char*, int, int)>("cuDeviceGetName");
  auto* memory_of = driver.find<int(size_t*, int)>("cuDeviceTotalMem_v2");
  if (!init || !count || !get || !name_of || !memory_of) {
    found.device_error = "the driver lacks functions that it should have";
    return;
  }
  int devices = 0;
  int code = init(0);
  if (code == 0) code = count(&devices);
  if (code != 0) found.device_error = fmt::format("the driver gives error {}", code);
  for (int i = 0; code == 0 && i < devices; ++i) {
    int device = 0;
    std::array<char, 256> name{};
    size_t memory = 0;
    if (get(&device, i) == 0 && name_of(name.data(), name.size() - 1, device) == 0 &&
        memory_of(&memory, device) == 0)
      found.devices.push_back(fmt::format("{}, {:.1f} GB", name.data(), static_cast<double>(memory) * 1e-9));
    else
      found.devices.push_back(fmt::format("GPU {}: the driver does not describe it", i));
  }
}

}  // namespace

std::string cuda_version_text(int version) {
  return fmt::format("{}.{}", version / 1000, version % 1000 / 10);
}

std::string cudnn_version_text(int version) {
  const int major_unit = version < 90000 ? 1000 : 10000;
  return fmt::format("{}.{}.{}", version / major_unit, version % major_unit / 100, version % 100);
}

CudaLibraries find_cuda_libraries() {
  const SharedLibrary driver{"libcuda.so.1"}, nccl{"libnccl.so.2"}, cudnn{"libcudnn.so.9", "libcudnn.so.8"},
      runtime{"libcudart.so.13", "libcudart.so.12", "libcudart.so.11.0", "libcudart.so"};
  CudaLibraries found;
  if (const int version = version_from(driver, "cuDriverGetVersion"); version > 0) {
    found.driver = cuda_version_text(version);
    list_devices(driver, found);
  }
  if (const int version = version_from(runtime, "cudaRuntimeGetVersion"); version > 0)
    found.runtime = cuda_version_text(version);
  if (const int version = version_from(nccl, "ncclGetVersion"); version > 0)
    found.nccl = nccl_version_name(version);
  if (auto* const version = cudnn.find<size_t()>("cudnnGetVersion"))
    found.cudnn = cudnn_version_text(static_cast<int>(version()));
  return found;
}

}  // namespace partialfc
