import Consensus
import DeviceCore
import Foundation
import Logging
import Primitives
import SyncRounds
import Testing

@testable import AgentRuntime

/// Folders as `/sys/class/power_supply` has them.
struct PowerTests {
    private func facts(_ supplies: [String: [String: String]]) throws -> PowerFacts {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("power-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        for (supply, files) in supplies {
            let place = folder.appendingPathComponent(supply)
            try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
            for (name, text) in files {
                try (text + "\n").write(to: place.appendingPathComponent(name), atomically: false, encoding: .utf8)
            }
        }
        return PowerWatch.battery(below: folder.path)
    }

    @Test func `P6 a battery that runs down is to be spared, one that is charged is not`() throws {
        let low = ["type": "Battery", "capacity": "18", "status": "Discharging"]
        #expect(try facts(["BAT0": low, "AC": ["type": "Mains", "online": "0"]]).spares == .battery)
        #expect(try facts(["BAT0": low, "AC": ["type": "Mains", "online": "1"]]).spares == nil)
        let charged = ["type": "Battery", "capacity": "18", "status": "Charging"]
        #expect(try facts(["BAT0": charged]) == PowerFacts(battery: 18, isCharging: true))
    }

    @Test(arguments: [("auto", true), ("auto", false), ("auto", nil), ("on", false), ("off", true)])
    func `P6 a person's word on the link stands before the system's`(setting: String, system: Bool?) async throws {
        let home = FileManager.default.temporaryDirectory.appendingPathComponent("power-\(UUID().uuidString)").path
        let settings = try AgentSettings(
            home: Home(home), environment: { $0 == "BATON_SYNC_METERED" ? setting : nil },
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        let device = DeviceID(number: 1)
        let raft = PersistentState<MeshCommand, MeshState>.joining(image: MeshState())
        let loop = DeviceLoop(
            device: Device(
                device: device, configuration: DeviceConfiguration(profile: .lan),
                restored: DevicePersistentState(raft: raft), incarnation: 1, seed: 1, now: .origin))
        let watch = PowerWatch(settings: settings, loop: loop, supplies: home, isMetered: { system })
        #expect(await watch.look().isMetered == (setting == "auto" ? system ?? false : setting == "on"))
    }

    @Test func `P6 without a battery, or with one that nobody can read, nothing is known`() throws {
        #expect(try facts([:]) == PowerFacts())
        #expect(try facts(["BAT0": ["type": "Battery", "capacity": "many"]]) == PowerFacts())
        #expect(try facts(["mouse": ["type": "Battery", "scope": "Device", "capacity": "3"]]) == PowerFacts())
    }
}
