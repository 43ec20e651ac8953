import type { ExportFormat, ExportedFile } from '../../preload/contract/channels';
import type { MachineConfig } from '../../preload/contract/machine';
import { AppError } from './errors';
import type { EventHistory } from './history';
export function exportEvents(
  _format: ExportFormat,
  _name: string,
  _config: MachineConfig,
  _events: EventHistory,
): ExportedFile {
  throw new AppError('internal', 'not merged yet');
}
