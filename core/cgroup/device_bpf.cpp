#include "core/cgroup/device_bpf.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstring>

namespace urc::cgroup {

namespace {

// The registers of the program. `undecided` holds the accesses that no rule has allowed yet.
enum Register : std::uint8_t {
    kResult = BPF_REG_0,
    kContext = BPF_REG_1,
    kType,
    kUndecided,
    kMajor,
    kMinor,
    kScratch
};

constexpr bpf_insn instruction(int code, int dst, int src, int off, std::int32_t imm) {
    bpf_insn one{};
    one.code = static_cast<__u8>(code);
    one.dst_reg = static_cast<__u8>(dst & 15);
    one.src_reg = static_cast<__u8>(src & 15);
    one.off = static_cast<__s16>(off);
    one.imm = imm;
    return one;
}

constexpr bpf_insn load(int dst, std::size_t offset) {
    return instruction(BPF_LDX | BPF_MEM | BPF_W, dst, kContext, static_cast<int>(offset), 0);
}
constexpr bpf_insn with_number(int operation, int dst, std::int32_t imm) {
    return instruction(BPF_ALU | BPF_K | operation, dst, 0, 0, imm);
}
// 32-bit: a 64-bit comparison would sign-extend the number.
constexpr bpf_insn jump(int condition, int dst, std::int32_t imm, int off) {
    return instruction(BPF_JMP32 | BPF_K | condition, dst, 0, off, imm);
}

void finish(std::vector<bpf_insn>& program, bool allow) {
    program.push_back(with_number(BPF_MOV, kResult, allow ? 1 : 0));
    program.push_back(instruction(BPF_JMP | BPF_EXIT, 0, 0, 0, 0));
}

void add_rule(std::vector<bpf_insn>& program, const DeviceRuleLine& rule) {
    std::array<std::size_t, 3> misses{};  // jumps to the next rule, their offsets are filled in at the end
    std::size_t miss_count = 0;
    auto unless_equal = [&](int dst, std::int64_t value) {
        misses[miss_count++] = program.size();
        program.push_back(jump(BPF_JNE, dst, static_cast<std::int32_t>(value), 0));
    };
    unless_equal(kType, rule.type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR);
    if (rule.major != kAny) unless_equal(kMajor, rule.major);
    if (rule.minor != kAny) unless_equal(kMinor, rule.minor);
    if (rule.access != kAllAccess && rule.allow) {
        program.push_back(with_number(BPF_AND, kUndecided, kAllAccess & ~rule.access));
        program.push_back(jump(BPF_JNE, kUndecided, 0, 2));
    }
    if (rule.access != kAllAccess && !rule.allow) {
        program.push_back(instruction(BPF_ALU | BPF_X | BPF_MOV, kScratch, kUndecided, 0, 0));
        program.push_back(with_number(BPF_AND, kScratch, rule.access));
        program.push_back(jump(BPF_JEQ, kScratch, 0, 2));
    }
    finish(program, rule.allow);
    for (std::size_t i = 0; i < miss_count; ++i)
        program[misses[i]].off = static_cast<__s16>(program.size() - misses[i] - 1);
}

// The kernel takes as much of the union as it knows; what lies behind must be zero.
int bpf(bpf_cmd command, bpf_attr& attr) {
    return static_cast<int>(::syscall(SYS_bpf, command, &attr, sizeof attr));
}

std::uint64_t address(const void* pointer) {
    return reinterpret_cast<std::uintptr_t>(pointer);
}

constexpr std::size_t kProgramsMax = 64;  // the kernel's own bound for one cgroup

int attach(int cgroup, int program, int replaced) {
    bpf_attr attr{};
    attr.target_fd = static_cast<__u32>(cgroup);
    attr.attach_bpf_fd = static_cast<__u32>(program);
    attr.attach_type = BPF_CGROUP_DEVICE;
    attr.attach_flags = BPF_F_ALLOW_MULTI;
    if (replaced >= 0) {
        attr.attach_flags |= BPF_F_REPLACE;
        attr.replace_bpf_fd = static_cast<__u32>(replaced);
    }
    return bpf(BPF_PROG_ATTACH, attr) == 0 ? 0 : errno;
}

Result<std::vector<Fd>> attached_programs(int cgroup) {
    std::array<__u32, kProgramsMax> ids{};
    bpf_attr attr{};
    attr.query.target_fd = static_cast<__u32>(cgroup);
    attr.query.attach_type = BPF_CGROUP_DEVICE;
    attr.query.prog_ids = address(ids.data());
    attr.query.prog_cnt = kProgramsMax;
    if (bpf(BPF_PROG_QUERY, attr) != 0) return Error::last("query the device programs of the cgroup");
    std::vector<Fd> programs;
    for (std::size_t i = 0; i < attr.query.prog_cnt; ++i) {
        bpf_attr by_id{};
        by_id.prog_id = ids[i];
        Fd program(bpf(BPF_PROG_GET_FD_BY_ID, by_id));
        if (!program) return Error::last("open the device program of the cgroup");
        programs.push_back(std::move(program));
    }
    return programs;
}

}  // namespace

std::vector<bpf_insn> compile_device_program(const std::vector<DeviceRuleLine>& rules) {
    std::vector<bpf_insn> program;
    program.reserve(8 + rules.size() * 7);
    // access_type is the access in its upper half and the type in its lower one.
    constexpr std::size_t kAccessType = offsetof(bpf_cgroup_dev_ctx, access_type);
    program.push_back(load(kType, kAccessType));
    program.push_back(with_number(BPF_AND, kType, 0xffff));
    program.push_back(load(kUndecided, kAccessType));
    program.push_back(with_number(BPF_RSH, kUndecided, 16));
    program.push_back(load(kMajor, offsetof(bpf_cgroup_dev_ctx, major)));
    program.push_back(load(kMinor, offsetof(bpf_cgroup_dev_ctx, minor)));
    for (auto rule = rules.rbegin(); rule != rules.rend(); ++rule) {
        if (rule->type == 'a') {
            // The verifier refuses what cannot be reached, so nothing may follow.
            finish(program, rule->allow);
            return program;
        }
        if (rule->access != 0) add_rule(program, *rule);
    }
    finish(program, false);
    return program;
}

Result<Fd> load_device_program(const std::vector<bpf_insn>& program) {
    bpf_attr attr{};
    attr.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
    attr.expected_attach_type = BPF_CGROUP_DEVICE;
    attr.insns = address(program.data());
    attr.insn_cnt = static_cast<__u32>(program.size());
    attr.license = address("");
    std::memcpy(attr.prog_name, "urc_devices", sizeof "urc_devices");
    Fd fd(bpf(BPF_PROG_LOAD, attr));
    if (!fd) return Error::last("load the device program");
    return fd;
}

Result<void> attach_device_program(int cgroup, int program, Attached attached) {
    std::vector<Fd> before;
    if (attached == Attached::maybe) {
        auto found = attached_programs(cgroup);
        if (!found.ok()) return std::move(found).error();
        before = std::move(*found);
    }
    int code = before.size() == 1 ? attach(cgroup, program, before[0].get()) : EINVAL;
    if (code == 0) return {};
    // Several, or a kernel without BPF_F_REPLACE (before 5.6): all programs must agree to an open, so the new
    // one joins them first and they leave one by one.
    if (code == EINVAL) code = attach(cgroup, program, -1);
    if (code != 0) return Error(code, "attach the device program to the cgroup");
    for (const Fd& old : before) {
        bpf_attr attr{};
        attr.target_fd = static_cast<__u32>(cgroup);
        attr.attach_bpf_fd = static_cast<__u32>(old.get());
        attr.attach_type = BPF_CGROUP_DEVICE;
        if (bpf(BPF_PROG_DETACH, attr) != 0) return Error::last("detach the old device program");
    }
    return {};
}

}  // namespace urc::cgroup
