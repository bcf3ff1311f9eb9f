/** Where a file can be dropped or chosen. */

import type { JSX } from "preact";
import { useRef, useState } from "preact/hooks";

export function DropZone({ name, hint, onFile }: { name: string; hint: string; onFile: (file: File) => void }): JSX.Element {
  const [over, setOver] = useState(false);
  const input = useRef<HTMLInputElement | null>(null);

  function drop(event: DragEvent): void {
    event.preventDefault();
    setOver(false);
    const file = event.dataTransfer?.files[0];
    if (file) onFile(file);
  }
  return (
    <div class={over ? "drop over" : "drop"} onDragOver={(event) => { event.preventDefault(); setOver(true); }} onDragLeave={() => setOver(false)} onDrop={drop}>
      <p><b>{name}</b></p>
      <p class="small">{hint}</p>
      <label class="button">
        Choose a file
        <input ref={input} type="file" class="vh" onChange={(event) => {
          const file = event.currentTarget.files?.[0];
          if (file) onFile(file);
          if (input.current) input.current.value = "";
        }} />
      </label>
    </div>
  );
}
