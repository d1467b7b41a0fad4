import DeviceCore
import Foundation
import Primitives
import SyncRounds

/// What this device runs on, as the system tells it, and whether its link is to be spared, as a person said or else the
/// system.
///
/// Linux has a folder for each supply below `/sys/class/power_supply`. Where there is none, nothing is known, which is
/// no objection to a round.
struct PowerWatch: Sendable {
    let settings: AgentSettings
    let loop: DeviceLoop
    var supplies = "/sys/class/power_supply"
    /// What the system says of the link; nil where it says nothing.
    var isMetered: @Sendable () async -> Bool? = { nil }

    /// Looks now and every `Limits.powerLook`; ends when cancelled.
    func run() async {
        var told: PowerFacts?
        while !Task.isCancelled {
            let facts = await look()
            if facts != told { loop.tell { $0.powerChanged(facts) } }
            told = facts
            guard (try? await Task.sleep(for: Limits.powerLook)) != nil else { return }
        }
    }

    func look() async -> PowerFacts {
        var facts = Self.battery(below: supplies)
        switch settings.layers.word("sync.metered") {
        case "on": facts.isMetered = true
        case "off": facts.isMetered = false
        default: facts.isMetered = await isMetered() ?? false
        }
        return facts
    }

    /// The fullest battery counts: that is what lasts. A device with another supply that is on is charging.
    static func battery(below folder: String) -> PowerFacts {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder))?.sorted() ?? []
        var facts = PowerFacts()
        for supply in names.prefix(Limits.powerSupplies) {
            func word(_ name: String) -> String? {
                (try? String(contentsOfFile: "\(folder)/\(supply)/\(name)", encoding: .utf8))?
                    .trimmingCharacters(in: .whitespacesAndNewlines)
            }
            // A mouse has a battery too, and says that it is a device's.
            guard word("scope") != "Device" else { continue }
            if word("type") == "Battery" {
                guard let capacity = word("capacity").flatMap({ UInt8($0) }), capacity <= 100 else { continue }
                facts.battery = max(facts.battery ?? 0, capacity)
                if ["Charging", "Full", "Not charging"].contains(word("status")) { facts.isCharging = true }
            } else if word("online") == "1" {
                facts.isCharging = true
            }
        }
        return facts
    }
}
