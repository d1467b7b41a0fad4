import DeviceCore
import MeshTransport
import Primitives

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The addresses under which others reach a listening device.
enum Addresses {
    /// The address itself, or one for each interface that is up if it means all of them.
    static func advertised(_ listen: TransportAddress) -> [TransportAddress] {
        guard listen.host == "0.0.0.0" || listen.host == "::" else { return [listen] }
        var found: [TransportAddress] = []
        for host in interfaceHosts(withIPv6: listen.host == "::") {
            found.append(TransportAddress(host: host, port: listen.port))
        }
        return found.isEmpty ? [TransportAddress(host: "127.0.0.1", port: listen.port)] : found
    }

    private static func interfaceHosts(withIPv6: Bool) -> [String] {
        var first: UnsafeMutablePointer<ifaddrs>?
        guard getifaddrs(&first) == 0 else { return [] }
        defer { freeifaddrs(first) }
        var hosts: [String] = []
        var next = first
        while let interface = next {
            next = interface.pointee.ifa_next
            guard let address = interface.pointee.ifa_addr, Int32(interface.pointee.ifa_flags) & Int32(IFF_UP) != 0
            else {
                continue
            }
            let family = Int32(address.pointee.sa_family)
            guard family == AF_INET || (withIPv6 && family == AF_INET6) else { continue }
            let size = socklen_t(
                family == AF_INET ? MemoryLayout<sockaddr_in>.size : MemoryLayout<sockaddr_in6>.size)
            var name = [CChar](repeating: 0, count: 64)
            guard getnameinfo(address, size, &name, socklen_t(name.count), nil, 0, NI_NUMERICHOST) == 0 else {
                continue
            }
            let host = String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            if !host.hasPrefix("127."), host != "::1", !host.hasPrefix("fe80:") { hosts.append(host) }
        }
        return hosts
    }
}

/// Small values of the agent in its database.
enum StoreKey {
    static let listen = "listen"
    /// The port that the system chose when any would do: the others know it, so it is asked for again.
    static let chosenPort = "chosen-port"
    static let roster = "roster"
}

/// The members as this device last knew them, and how much of the log told it: one line each, `id name address...`,
/// after `applied N`. A device that has just joined was told by its inviter, before any log. After a restart the log
/// says what is committed only once a quorum leader is reached, and none is reached by a device that knows no members.
struct RememberedRoster: Equatable, Sendable {
    /// A log of a later epoch is newer, wherever it ends.
    var epoch: UInt64 = 1
    /// The number of the log's index up to which `devices` is the truth; 0 for what the inviter told.
    var applied: UInt64 = 0
    var devices: [DeviceRecord] = []

    init(epoch: UInt64 = 1, applied: UInt64 = 0, devices: [DeviceRecord]) {
        self.epoch = epoch
        self.applied = applied
        self.devices = devices
    }

    init(bytes: [UInt8]) {
        for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
            let words = line.split(separator: " ")
            if words.count == 2, words[0] == "applied", let number = UInt64(words[1]) { applied = number }
            if words.count == 2, words[0] == "epoch", let number = UInt64(words[1]) { epoch = number }
            guard words.count >= 2, let device = DeviceID(hex: words[0]) else { continue }
            devices.append(
                DeviceRecord(device: device, name: String(words[1]), addresses: words.dropFirst(2).map(String.init)))
        }
    }

    func isAhead(of index: LogIndex, in number: Epoch) -> Bool {
        (epoch, applied) > (number.number, index.number)
    }

    var bytes: [UInt8] {
        let lines = devices.map { ([$0.device.description, $0.name] + $0.addresses).joined(separator: " ") }
        return Array((["epoch \(epoch)", "applied \(applied)"] + lines).joined(separator: "\n").utf8)
    }
}
