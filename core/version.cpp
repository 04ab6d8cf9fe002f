#include "core/version.h"

namespace urc {

#ifdef URC_COMMIT
constinit const std::string_view kCommit = URC_COMMIT;
#else
constinit const std::string_view kCommit = "unknown";
#endif

}  // namespace urc
