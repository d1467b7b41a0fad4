import Primitives

/// Why the transport could not do what it was asked. `message` is one line (`joinFailed`: one more per address).
package enum TransportError: Error, Hashable, Sendable, CustomStringConvertible {
    case portTaken(TransportAddress)
    case badListenAddress(TransportAddress, detail: String)
    case tls(String)
    case notRunning
    case unknownPeer(DeviceID)
    case unreachable(DeviceID, attempts: [String])
    case tooManyStreams(DeviceID)
    /// The peer's own words.
    case streamRefused(DeviceID, reason: String)
    case noDescriptors(errno: Int32)
    /// One line per address that was tried.
    case joinFailed([String])

    package var message: String {
        switch self {
        case .portTaken(let address): "another program listens on \(address)"
        case .badListenAddress(let address, let detail): "cannot listen on \(address): \(detail)"
        case .tls(let detail): "TLS could not be set up: \(detail)"
        case .notRunning: "the transport is not running"
        case .unknownPeer(let device): "no address is known for device \(device.short)"
        case .unreachable(let device, let attempts):
            "device \(device.short) was not reached (\(attempts.joined(separator: "; ")))"
        case .tooManyStreams(let device):
            "there are already \(Limits.streamsPerPeer) streams to device \(device.short)"
        case .streamRefused(let device, let reason): "device \(device.short) refused the stream: \(reason)"
        case .noDescriptors(let code): "no socket pair could be made (errno \(code))"
        case .joinFailed(let attempts):
            (["no address of the invite let this device in:"] + attempts.map { "  " + $0 }).joined(separator: "\n")
        }
    }

    package var hint: String {
        switch self {
        case .portTaken: "stop it, or choose another port with --listen HOST:PORT"
        case .badListenAddress: "give an address of this device with --listen HOST:PORT"
        case .tls, .noDescriptors: "check the limits of open files, and report it if they are not the cause"
        case .notRunning: "start the agent with: baton up"
        case .unknownPeer, .unreachable: "check that the device is awake and its port is open"
        case .tooManyStreams: "try again when one has ended"
        case .streamRefused: "see the peer's audit: baton log"
        case .joinFailed: "check that the inviting device is awake, then ask it for a new invite"
        }
    }

    package var description: String { "\(message); \(hint)" }
}
